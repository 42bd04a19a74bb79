"""Networks: built, trained by two strategies, kept, exported, compared; and which labels they doubt."""
