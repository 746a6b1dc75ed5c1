"""What is asked: study files, their items, the task types."""
