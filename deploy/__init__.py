"""What runs Innkeeper elsewhere, as data: model profiles, the Helm chart, the compose file, the image, dashboards.

No code lives here: `agent.operations` reads it, also from an installed wheel.
"""
