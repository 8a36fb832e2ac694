"""What other counters would print of a model, and which terms make the difference.

Each counter is a table of rules, declared as data (`tools`), which `deriving` applies to one traced
forward; `asking` runs those that are installed. Importing this imports none of it.
"""
