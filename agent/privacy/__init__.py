"""What keeps data in: the egress guard and the environment that switches telemetry off."""
