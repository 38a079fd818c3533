// The page of a signed-in guest. What it shows is text, never HTML.
const GUESTS = { "guest-anna": "Anna", "guest-ben": "Ben" };
const EVERY_MS = 2000;
const asked = new URLSearchParams(location.search).get("guest");
const guest = Object.hasOwn(GUESTS, asked) ? asked : "guest-anna";

window.innkeeper = window.innkeeper || function () { (innkeeper.q = innkeeper.q || []).push(arguments); };
// Another guest has signed in: nobody sees the conversation of the one before.
if (localStorage.getItem("guest") !== guest) innkeeper("reset");
localStorage.setItem("guest", guest);
innkeeper("identify", async () => (await fetch(`/chat-token?guest=${guest}`, { method: "POST" })).json());

const make = (tag, text, className = "") => Object.assign(document.createElement(tag), { textContent: text, className });
const day = (text) => new Date(`${text}T12:00:00`).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
const money = (cents, currency) => (cents / 100).toLocaleString("en", { style: "currency", currency });

const row = (one) => {
  const line = document.createElement("tr");
  const status = document.createElement("td");
  status.append(make("span", one.status, `status ${one.status}`));
  line.append(
    make("td", one.booking_id), make("td", one.home), make("td", `${day(one.check_in)} – ${day(one.check_out)}`), status,
    make("td", money(one.paid_cents, one.currency)), make("td", one.refunded_cents ? money(one.refunded_cents, one.currency) : "–"),
  );
  return line;
};

const tries = ([first, second], other) => [
  `Please show my booking ${first}`, `Please cancel my booking ${second}`, `Refund ${second}`, `Please show my booking ${other}`,
];

let before = "";
const look = async () => {
  const trouble = document.getElementById("trouble");
  try {
    const found = await (await fetch(`/my-bookings?guest=${guest}`)).json();
    const now = JSON.stringify(found);
    if (now !== before) document.getElementById("bookings").replaceChildren(...found.map(row));
    before = now;
    trouble.textContent = "";
    return found;
  } catch {
    trouble.textContent = "The booking system can't be reached just now.";
    return null;
  }
};

document.getElementById("name").textContent = GUESTS[guest];
document.querySelector(`nav a[href="?guest=${guest}"]`).setAttribute("aria-current", "true");
const found = (await look()) ?? [];
if (found.length > 1) {
  const other = guest === "guest-anna" ? "MS-104213" : "MS-104211";
  document.getElementById("tries").replaceChildren(...tries(found.map((one) => one.booking_id), other).map((text) => make("li", text)));
}
setInterval(look, EVERY_MS);
