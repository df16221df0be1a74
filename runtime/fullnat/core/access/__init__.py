"""Who may use services, how much and how often."""
