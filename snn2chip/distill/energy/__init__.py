"""Energy of the target chip in the loss: mapped costs, their expense in a batch, and its budget."""
