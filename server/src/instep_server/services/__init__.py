"""The gRPC services: they check tokens, translate messages, and turn our errors into statuses."""
