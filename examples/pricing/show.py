"""Python reads a table that R wrote in the last run of the flow Pricing: `make demo` runs this."""

from instep import Flow

diamonds = Flow("Pricing").latest_successful_run["load"].task.data.diamonds
medians = diamonds.groupby("cut", observed=True).price.median()
print(
    f"Python reads R's table: {type(diamonds).__module__.partition('.')[0]} frame, {len(diamonds):,} diamonds,"
)
print("  median price by cut:", ", ".join(f"{cut} ${price:,.0f}" for cut, price in medians.items()))
