// The page of a student → its numbers beside those of its teacher and of the same student without a teacher → the teacher's page.
import { assertFits, given, haveSession, play } from "./browser.mjs";

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/jobs/${given.job}`);
  const table = page.getByRole("table", { name: "Student beside its teacher" });
  const rows = table.locator("tbody tr");
  await rows.nth(1).waitFor();
  const cells = await rows.evaluateAll((all) =>
    all.map((row) =>
      [...row.querySelectorAll("th, td")].map((cell) => cell.textContent),
    ),
  );
  const heads = await table.locator("thead th").allInnerTexts();
  const remarks = await page.locator(".distilled p").innerText();
  await assertFits(page);
  await page.screenshot({
    path: `${given.folder}/distilled.png`,
    fullPage: true,
  });
  await table.getByRole("link", { name: "Teacher" }).click();
  await page.waitForURL(`**/jobs/${given.teacher}`);
  await page.getByRole("heading", { name: "Newest checkpoint" }).waitFor();
  return { cells, heads, remarks };
});
