import { expect, test } from "vitest";
import { documentOf } from "./copy";
import { fieldsOf } from "./fields";

const fields = fieldsOf({
  $defs: {
    Replay: {
      properties: { samples: { type: "integer", default: 1000 }, share: { type: "number", default: 0.5 } },
    },
    Elastic: { properties: { strength: { type: "number", default: 1 } } },
    Continual: {
      properties: {
        replay: { anyOf: [{ $ref: "#/$defs/Replay" }, { type: "null" }], default: null },
        ewc: { anyOf: [{ $ref: "#/$defs/Elastic" }, { type: "null" }], default: null },
      },
    },
    Training: { properties: { steps: { type: "integer" }, seed: { type: "integer", default: 0 } } },
  },
  properties: {
    name: { type: "string" },
    continual: { anyOf: [{ $ref: "#/$defs/Continual" }, { type: "null" }], default: null },
    training: { $ref: "#/$defs/Training" },
  },
});

test("values that equal the defaults are left out", () => {
  expect(documentOf({ name: "one", training: { steps: 5, seed: 0 } }, fields)).toEqual({
    name: "one",
    training: { steps: 5 },
  });
});

test("a group that may be absent stays, with its defaults or without any", () => {
  const training = { steps: 5 };
  const copied = (continual: null | { replay?: object | null; ewc?: object | null }) =>
    documentOf({ training, continual } as never, fields).continual;
  expect(copied(null)).toBeUndefined();
  expect(copied({})).toEqual({});
  expect(copied({ replay: {} })).toEqual({ replay: {} });
  expect(copied({ replay: { samples: 1000, share: 0.5 }, ewc: null })).toEqual({ replay: {} });
  expect(copied({ replay: { samples: 7, share: 0.5 }, ewc: { strength: 1 } })).toEqual({
    replay: { samples: 7 },
    ewc: {},
  });
  expect(documentOf({ training: { steps: 5, seed: 0 } }, fields)).toEqual({ training });
});
