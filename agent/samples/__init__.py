"""Systems of the sample company, for the demo, for hands-on and for tests. Innkeeper reaches them by HTTP alone."""
