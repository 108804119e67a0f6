"""How an answer is written: one file for each format, each a function from an answer to pieces of output."""
