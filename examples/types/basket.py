"""Teaches: types of your own. A Python dataclass and an R class that are one record, each with its own methods.

Run:     python examples/types/basket.py run
         Rscript examples/types/basket.R run
Prints:
    R reads tea at 3.50 EUR
    R reads cake at 4.25 EUR
    Python reads a Money: 7.75 EUR
"""

from dataclasses import dataclass

from instep import FlowSpec, register_type, step


@register_type("shop.money")  # basket.R registers its class under the same name
@dataclass
class Money:
    """An amount of a currency. It is stored as a record of its fields, which every language can read."""

    amount: float
    currency: str

    def __str__(self):
        return f"{self.amount:.2f} {self.currency}"


class Basket(FlowSpec):
    """Lets R add up prices."""

    include = ["basket.R"]

    @step
    def start(self):
        """Makes objects of the class, here inside of a dict."""
        self.prices = {"tea": Money(3.5, "EUR"), "cake": Money(4.25, "EUR")}
        self.next("add_up")

    @step
    def end(self):
        """Reads an object that R made."""
        print(f"Python reads a {type(self.total).__name__}: {self.total}")


if __name__ == "__main__":
    Basket()
