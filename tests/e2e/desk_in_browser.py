"""A ticket of the real django-helpdesk as its customer and its staff see it in a browser. Pictures of both are kept."""

from pathlib import Path

from playwright.async_api import Page, async_playwright

from tests.e2e.real_django_helpdesk import STAFF, DjangoHelpdesk, Ticket
from tests.integration.web.stage import CHROMIUM, FLAGS

SHOTS = Path(__file__).parents[1] / "artefacts" / "helpdesks"
"""What the tests saw, for people to look at."""
WINDOW = {"width": 1180, "height": 1000}


async def looked_at(desk: DjangoHelpdesk, ticket: Ticket) -> tuple[str, str]:
    """What the customer and what Sam of the staff read on the ticket's page."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        customer = await browser.new_page(viewport=WINDOW, locale="en-GB")
        await customer.goto(ticket.page)
        public = await _shown(customer, "django-public")
        staff = await browser.new_page(viewport=WINDOW, locale="en-GB")
        await staff.goto(f"{desk.url}/login/?next=/tickets/{ticket.id}/")
        name, password = STAFF
        await staff.locator("[name=username]").fill(name)
        await staff.locator("[name=password]").fill(password)
        await staff.keyboard.press("Enter")
        await staff.wait_for_url(f"**/tickets/{ticket.id}/")
        internal = await _shown(staff, "django-staff")
        await browser.close()
    return public, internal


async def _shown(page: Page, name: str) -> str:
    SHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SHOTS / f"{name}.png", animations="disabled", full_page=True)
    return await page.locator("body").inner_text()
