"""What is said in recordings: tables of file and text, letters, syllables."""
