# Teaches: types of your own. A Python dataclass and an R class that are one record, each with its own methods.
#
# Run:     Rscript examples/types/basket.R run
#          python examples/types/basket.py run
# Prints:
#     R reads tea at 3.50 EUR
#     R reads cake at 4.25 EUR
#     Python reads a Money: 7.75 EUR

library(instep)

new_money <- function(amount, currency) structure(list(amount = amount, currency = currency), class = "money")
format.money <- function(x, ...) sprintf("%.2f %s", x$amount, x$currency)

# basket.py registers its class under the same name. These functions are the defaults, written out.
register_type("shop.money",
  class = "money",
  to_portable = unclass,
  from_portable = \(record) structure(record, class = "money")
)

add_up <- function(self) {
  for (item in names(self$prices)) cat("R reads", item, "at", format(self$prices[[item]]), "\n")
  amounts <- vapply(self$prices, \(price) price$amount, 0)
  self$total <- new_money(sum(amounts), "EUR")
}

flow("Basket", include = "basket.py") |>
  step("add_up", add_up, next_step = "end") |>
  run()
