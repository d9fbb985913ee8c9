"""What a model weighs: counted without weights, judged against budgets, compared."""
