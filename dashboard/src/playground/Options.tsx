import { useId } from "react";
import { slides, titleOf, type Option } from "./options";

interface FieldProps {
  option: Option;
  value: number;
  set: (value: number) => void;
}

function OptionField({ option, value, set }: FieldProps) {
  const id = useId();
  const { minimum = 0, maximum = 1 } = option;
  const change = (typed: string) => {
    const number = Number(typed);
    if (typed !== "" && Number.isFinite(number)) set(number);
  };
  return (
    <div className="play-option">
      <label htmlFor={id} title={option.description}>
        {titleOf(option.name)}
      </label>
      {slides(option) ? (
        <>
          <input
            id={id}
            type="range"
            min={minimum}
            max={maximum}
            step={option.integer ? 1 : 0.01}
            value={value}
            onChange={(event) => change(event.target.value)}
          />
          <output htmlFor={id} className="num">
            {option.integer ? value : value.toFixed(2)}
          </output>
        </>
      ) : (
        <input
          id={id}
          className="input num"
          type="number"
          min={option.minimum}
          step={option.integer ? 1 : "any"}
          value={value}
          onChange={(event) => change(event.target.value)}
        />
      )}
    </div>
  );
}

interface Props {
  options: Option[];
  values: Record<string, number>;
  set: (name: string, value: number) => void;
}

/** The options of a kind of prediction: a slider where the range is small, else a field. */
export function Options({ options, values, set }: Props) {
  if (options.length === 0) return null;
  return (
    <div className="play-options">
      {options.map((option) => (
        <OptionField
          key={option.name}
          option={option}
          value={values[option.name] ?? option.default}
          set={(value) => set(option.name, value)}
        />
      ))}
    </div>
  );
}
