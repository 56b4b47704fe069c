import type { DatasetDetail } from "@/api/types";
import { integer } from "@/lib/format";
import { BadSamples, Bars, Classes, SetAside } from "./Findings";
import { numberOf, rowsOf } from "./statistics";

/** Classes, sizes and what is wrong with a dataset's images. */
export function ImageDetails({ dataset }: { dataset: DatasetDetail }) {
  const sizes = rowsOf(dataset.statistics, "sizes").map((row): [string, number] => [
    `${integer(numberOf(row.width))} × ${integer(numberOf(row.height))}`,
    numberOf(row.images),
  ]);
  const others = numberOf(dataset.statistics.other_sizes);
  return (
    <>
      <BadSamples dataset={dataset} />
      <Classes dataset={dataset} samples="images" />
      {sizes.length > 0 && (
        <>
          <h2>Sizes in pixels</h2>
          <Bars rows={others > 0 ? [...sizes, ["others", others]] : sizes} />
        </>
      )}
      <SetAside dataset={dataset} />
    </>
  );
}
