"""The course of training: epochs, with what is measured, shown, kept and changed on the way."""
