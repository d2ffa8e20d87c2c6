"""Whether probabilities come true, and how to make them: reliability, calibrators, prevalence."""
