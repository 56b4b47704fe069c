// Datasets, files and jobs with names of any script and length: in lists, on their own pages, in dialogs, in forms.
import assert from "node:assert/strict";
import { assertFits, given, haveSession, play } from "./browser.mjs";

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 375, height: 800 };

/** At both widths nobody scrolls sideways, and no name leaves the box that it stands in. */
async function look(page, name) {
  for (const size of [NARROW, WIDE]) {
    await page.setViewportSize(size);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await assertFits(page);
    const outside = await page.evaluate(() =>
      [...document.querySelectorAll("td, h1, dialog h2, li, .toast, .notice")]
        .filter((box) => {
          const edge = Math.min(box.getBoundingClientRect().right, window.innerWidth) + 1;
          return [...box.querySelectorAll("bdi")].some((name) => name.getBoundingClientRect().right > edge);
        })
        .map((box) => box.outerHTML.slice(0, 200)),
    );
    assert.deepEqual(outside, [], `${name} at ${size.width}`);
    await page.screenshot({ path: `${given.folder}/${name}-${size.width}.png`, fullPage: true });
  }
}

/** The element shows the name unchanged, apart from the direction of what stands around it. */
async function assertNamed(locator, name) {
  await locator.waitFor();
  const [shown, direction, bidi, spaces] = await locator.evaluate((element) => {
    const style = getComputedStyle(element);
    return [element.textContent, style.direction, style.unicodeBidi, style.whiteSpaceCollapse];
  });
  assert.equal(shown, name);
  assert.match(bidi, /isolate/);
  assert.match(spaces, /preserve/, "no space of a name is lost");
  const strong = /\p{Script=Arabic}|\p{Script=Hebrew}|\p{Script=Latin}/u.exec(name)?.[0] ?? "a";
  assert.equal(direction, /\p{Script=Latin}|a/u.test(strong) ? "ltr" : "rtl", name);
}

const nameOf = (page, href) => page.locator(`a[href="${href}"] bdi`);

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/jobs`);
  for (const { name, job } of given.rows) await assertNamed(nameOf(page, `/jobs/${job}`), name);
  await look(page, "jobs");
  await page.goto(`${given.url}/datasets`);
  for (const { name, dataset } of given.rows) await assertNamed(nameOf(page, `/datasets/${dataset}`), name);
  await look(page, "datasets");

  for (const [index, { name, job, dataset }] of given.rows.entries()) {
    // By the list, as people come.
    await page.goto(`${given.url}/jobs`);
    await nameOf(page, `/jobs/${job}`).click();
    await assertNamed(page.locator("h1 bdi"), name);
    await page.getByText("Cancelled", { exact: true }).first().waitFor();
    await look(page, `job-${index}`);
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    const asked = await page.getByRole("dialog").getByRole("heading").textContent();
    assert.equal(asked, `Delete “\u2068${name}\u2069”?`);
    await look(page, `job-delete-${index}`);
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.goto(`${given.url}/datasets/${dataset}`);
    await assertNamed(page.locator("h1 bdi"), name);
    await look(page, `dataset-${index}`);
  }

  const last = given.rows.at(-1);
  await page.goto(`${given.url}/jobs/${last.job}`);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("button", { name: "Delete the job" }).click();
  await page.getByText(`Deleted “\u2068${last.name}\u2069”.`).waitFor();
  await look(page, "deleted");

  const [name, jobName] = given.names;
  await page.goto(`${given.url}/datasets/new`);
  await page.getByLabel("Choose files").setInputFiles(given.files);
  await page.getByLabel("Name").fill(name);
  await look(page, "new-dataset");
  await page.getByRole("button", { name: `Upload ${given.files.length} files` }).click();
  await page.getByRole("button", { name: `Complete with ${given.files.length} files` }).click();
  await assertNamed(page.locator("h1 bdi"), name);
  for (const path of given.files) {
    const file = path.split("/").at(-1);
    await assertNamed(page.locator(".table-files bdi").filter({ hasText: file }), file);
  }
  await page.getByText("document 1").first().waitFor();
  await look(page, "dataset-of-files");
  const dataset = new URL(page.url()).pathname.split("/").at(-1);

  await page.getByRole("link", { name: "Train on this" }).click();
  await page.getByRole("button", { name: /Smoke test/ }).click();
  await page.locator('[data-path="name"] input').fill(jobName);
  await page.locator('[data-path="training.steps"] input').fill("8");
  await page.getByText("Ready to run").waitFor();
  await look(page, "new-job");
  await page.getByRole("button", { name: "Start the job" }).click();
  await assertNamed(page.locator("h1 bdi"), jobName);
  await page.getByText("Succeeded", { exact: true }).first().waitFor();
  await assertNamed(page.locator(".job-meta bdi"), name);
  await look(page, "job");
  return { dataset, job: new URL(page.url()).pathname.split("/").at(-1) };
});
