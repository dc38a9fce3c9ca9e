"""From a record to what is wrong: each symptom a function, each finding with evidence and an action."""
