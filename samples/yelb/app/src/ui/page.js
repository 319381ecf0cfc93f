"use strict";

const RESTAURANTS = [
  { name: "ihop", title: "IHOP", colour: "#2f6db5" },
  { name: "chipotle", title: "Chipotle", colour: "#b3361e" },
  { name: "outback", title: "Outback", colour: "#3f8f5b" },
  { name: "bucadibeppo", title: "Buca di Beppo", colour: "#d99a26" },
];

const place = (id) => document.getElementById(id);

/** An answer of the app server; throws with its reason if it is not a good one. */
async function ask(path) {
  const answer = await fetch(`api/${path}`, { cache: "no-store" });
  if (!answer.ok) {
    throw new Error(`the app server answered ${answer.status}: ${(await answer.text()).slice(0, 200)}`);
  }
  place("hostname").textContent = answer.headers.get("x-hostname");
  place("version").textContent = answer.headers.get("x-version");
  return answer;
}

const problems = new Map();

/** Runs one step, and shows what went wrong until the same step goes well. */
async function attempt(what, step) {
  try {
    await step();
    problems.delete(what);
  } catch (error) {
    problems.set(what, error.message);
  }
  place("problem").textContent = [...problems].map(([failed, why]) => `${failed}: ${why}`).join("\n");
  place("problem").hidden = problems.size === 0;
}

function showVotes(votes) {
  const counts = new Map(votes.map(({ name, value }) => [name, value]));
  const total = votes.reduce((sum, { value }) => sum + value, 0);
  let end = 0;
  const slices = RESTAURANTS.map(({ name, colour }) => {
    const count = counts.get(name) ?? 0;
    place(`votes-${name}`).textContent = count;
    const begin = end;
    end += total ? (100 * count) / total : 0;
    return `${colour} ${begin}% ${end}%`;
  });
  place("pie").style.background = total ? `conic-gradient(${slices.join(", ")})` : "";
}

const refreshVotes = () => attempt("There is no vote data", async () => showVotes(await (await ask("getvotes")).json()));

const vote = (name) => attempt("The vote did not count", () => ask(name).then(refreshVotes));

const countView = () => attempt("The page view did not count", async () => {
  place("views").textContent = await (await ask("pageviews")).text();
});

for (const { name, title, colour } of RESTAURANTS) {
  const row = document.createElement("li");
  row.innerHTML = `<span class="swatch"></span><span></span><output class="votes" id="votes-${name}">–</output><button type="button">Vote</button>`;
  row.children[0].style.background = colour;
  row.children[1].textContent = title;
  row.children[3].setAttribute("aria-label", `Vote for ${title}`);
  row.children[3].addEventListener("click", () => vote(name));
  place("restaurants").append(row);
}

countView();
refreshVotes();
