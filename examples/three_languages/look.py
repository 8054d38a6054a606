"""A plain Python file: three_languages.R uses its function as a step."""


def count_lines(self):
    print("Python finds", self.drawing.count("<line"), "lines in the drawing")
