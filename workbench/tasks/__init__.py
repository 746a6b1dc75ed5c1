"""What is done with models: functions that check, call, check again and return a value. No gradio."""
