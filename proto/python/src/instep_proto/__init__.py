"""Generated Python messages of the contract in `proto/`. Import the messages from `instep_proto.v1`."""
