"""A plain Python file: references.R uses its function as a step."""


def split_words(self):
    """Sets `words` to the parts of `text`."""
    self.words = self.text.split(",")
