"""Real workers on a Drive where files arrive late at other machines."""
