"""Where models come from besides the zoo and the user's code."""
