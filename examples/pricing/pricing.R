# What is a diamond worth? For each cut, a price model in R against one in Python, judged on held-out diamonds.
#
# The steps in Python, and a picture of the graph, are in pricing.py. Either file runs the whole flow:
#
# Run:     Rscript examples/pricing/pricing.R run
#          python examples/pricing/pricing.py run

library(instep)
library(ggplot2)

load_diamonds <- function(self) {
  self$diamonds <- as.data.frame(ggplot2::diamonds)
  self$cuts <- levels(self$diamonds$cut)
  cat("loaded", nrow(self$diamonds), "diamonds in", length(self$cuts), "cuts\n")
}

# Splits the diamonds of one cut, and makes a grid of stones like the typical one in all but weight.
hold_out <- function(self) {
  self$cut <- self$input
  mine <- self$diamonds[self$diamonds$cut == self$cut, ]
  row.names(mine) <- NULL
  set.seed(self$seed)
  held_out <- sort(sample(nrow(mine), round(nrow(mine) * self$test_share)))
  self$test <- mine[held_out, ]
  self$train <- mine[-held_out, ]

  carats <- seq(0.3, quantile(mine$carat, 0.99), by = 0.02)
  typical <- mine[rep(which(mine$color == "G" & mine$clarity == "VS2")[1], length(carats)), ]
  typical$carat <- carats
  typical$depth <- median(mine$depth)
  typical$table <- median(mine$table)
  row.names(typical) <- NULL
  self$grid <- typical
}

# Price against weight, bent by clarity and color. It stands outside the step because a formula keeps the variables of
# the function in which it is written.
price_formula <- log(price) ~
  s(log(carat), k = 40) +
  ti(log(carat), as.numeric(clarity), k = c(8, 5)) +
  ti(log(carat), as.numeric(color), k = c(8, 5)) +
  color * clarity + s(depth) + s(table)

fit_gam <- function(self) {
  self$model <- mgcv::bam(price_formula, data = self$train, discrete = TRUE)
  self$predicted <- as.numeric(exp(predict(self$model, self$test)))
  self$curve <- as.numeric(exp(predict(self$model, self$grid)))
}

# Writes the table and the chart from the frames that Python made.
report <- function(self) {
  dir.create(self$output, showWarnings = FALSE)
  write.csv(self$scores, file.path(self$output, "scores.csv"), row.names = FALSE)
  chart <- file.path(self$output, "prices.png")
  ggsave(chart, draw(self$scores, self$curves, self$sample), width = 11, height = 7, dpi = 120, bg = "white")
  self$chart <- readBin(chart, "raw", file.size(chart))
}

draw <- function(scores, curves, sample) {
  dollars <- scales::label_dollar(accuracy = 1)
  titles <- sprintf(
    "%s: better %s\nerror of GAM %s, of trees %s",
    scores$cut, ifelse(scores$better == "GAM", "in R", "in Python"), dollars(scores$gam_rmse), dollars(scores$trees_rmse)
  )
  names(titles) <- scores$cut
  ggplot(mapping = aes(carat, price)) +
    geom_point(data = sample, color = "grey75", size = 0.6) +
    geom_line(data = curves, aes(color = model), linewidth = 0.9) +
    facet_wrap(~cut, ncol = 3, labeller = as_labeller(titles)) +
    scale_x_log10(breaks = c(0.3, 0.5, 1, 2, 3)) +
    scale_y_log10(labels = dollars, breaks = c(500, 1000, 2000, 5000, 10000)) +
    scale_color_manual(
      values = c(GAM = "#2166ac", trees = "#e08214"),
      labels = c(GAM = "GAM, fitted in R", trees = "boosted trees, fitted in Python")
    ) +
    labs(
      title = "What is a diamond worth?",
      subtitle = "Price by weight and cut, as two models see a stone of color G and clarity VS2",
      caption = "Points: held-out diamonds of all grades. Error: root mean square over the held-out diamonds.",
      x = "weight in carat (log scale)", y = "price (log scale)", color = NULL
    ) +
    theme_minimal(base_size = 11) +
    theme(
      legend.position = "top",
      legend.justification = "left",
      legend.text = element_text(size = 11),
      plot.title = element_text(face = "bold", size = 16),
      strip.text = element_text(hjust = 0),
      panel.grid.minor = element_blank()
    )
}

flow("Pricing", include = "pricing.py") |>
  step("load", load_diamonds, next_step = "hold_out", foreach = "cuts") |>
  step("hold_out", hold_out, next_step = c("fit_gam", "fit_trees")) |>
  step("fit_gam", fit_gam, next_step = "judge") |>
  step("report", report, next_step = "end") |>
  run() # does nothing while pricing.py runs and includes this file
