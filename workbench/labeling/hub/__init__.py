"""From the store to a data set on the Hub, without loss, and to files."""
