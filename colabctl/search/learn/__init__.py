"""What comes next: samplers that propose parameters, rules that stop trials early."""
