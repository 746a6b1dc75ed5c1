"""The Explanation tab."""
