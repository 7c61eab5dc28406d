"""What the system tests are made of: processes, configurations, model servers and HTTP clients."""
