"""How good models and labels are: strategies compared, doubtful labels found."""
