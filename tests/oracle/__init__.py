"""The independent judge: random odd folders, a naive oracle of the CSV files, random questions.

It knows the contract and the formats and nothing of the rooms; it asks over HTTP like any client.
"""
