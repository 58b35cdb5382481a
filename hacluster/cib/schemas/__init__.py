"""What each schema allows, as tables."""
