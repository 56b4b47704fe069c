// The picture in the README: a job that has run, as its page shows it.
import { chartReaches, given, haveSession, play } from "./browser.mjs";

await play(async ({ page, context }) => {
  await haveSession(context);
  await page.goto(`${given.url}/jobs/${given.job}`);
  await page.getByText("Succeeded", { exact: true }).first().waitFor();
  await chartReaches(page, given.steps);
  await page.getByRole("link", { name: /^Download the checkpoint/ }).waitFor();
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: given.picture });
  // Drawn, and not only laid out: the loss is a line in a colour of its own on the canvas.
  return page.locator('[data-chart="loss"] canvas').first().evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let painted = 0;
    for (let at = 3; at < data.length; at += 4) painted += data[at] > 0;
    return { painted, pixels: data.length / 4 };
  });
});
