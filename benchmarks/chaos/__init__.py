"""Break things at random while real jobs train, then prove that nothing was lost."""
