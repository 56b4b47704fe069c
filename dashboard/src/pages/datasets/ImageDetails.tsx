import type { DatasetDetail } from "@/api/types";
import { count, integer, NONE } from "@/lib/format";
import { BadSamples, Bars, Classes, SetAside } from "./Findings";
import { numberOf, rowsOf } from "./statistics";

const levels = (values: unknown): string =>
  Array.isArray(values) ? values.map((value) => numberOf(value).toFixed(3)).join(", ") : NONE;

/** Classes, sizes and problems of a dataset's images. */
export function ImageDetails({ dataset }: { dataset: DatasetDetail }) {
  const sizes = rowsOf(dataset.statistics, "sizes").map((row): [string, number] => [
    `${integer(numberOf(row.width))} × ${integer(numberOf(row.height))}`,
    numberOf(row.images),
  ]);
  const gray = numberOf(dataset.statistics.gray);
  const others = numberOf(dataset.statistics.other_sizes);
  return (
    <>
      <BadSamples dataset={dataset} />
      <Classes dataset={dataset} samples="images" />
      {sizes.length > 0 && (
        <>
          <h2>Sizes in pixels</h2>
          <Bars rows={others > 0 ? [...sizes, ["others", others]] : sizes} />
          <p className="faint small num">
            Red, green and blue, from 0 to 1: mean {levels(dataset.statistics.mean)}; deviation{" "}
            {levels(dataset.statistics.std)}.{gray > 0 && ` ${count(gray, "image is", "images are")} grey.`}
          </p>
        </>
      )}
      <SetAside dataset={dataset} />
    </>
  );
}
