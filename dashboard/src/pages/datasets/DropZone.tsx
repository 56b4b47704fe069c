import { useRef, useState, type DragEvent } from "react";
import { Button } from "@/ui/Button";
import { Icon } from "@/ui/Icon";
import { droppedIn, filesOf, foundIn } from "./folders";
import { MODALITIES, type Modality } from "./modality";

/** All browsers support it; React's types lack it. */
const DIRECTORY = { webkitdirectory: "" };

interface Props {
  onFiles: (files: File[]) => void;
  /** The modality whose files are accepted; by default those of all modalities. */
  modality?: Modality;
  small?: boolean;
}

/** An area to drop files on, with a button to choose files instead. */
export function DropZone({ onFiles, modality, small = false }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const onDrag = (event: DragEvent, inside: boolean) => {
    event.preventDefault();
    setOver(inside);
  };
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- dropping is an extra; the button does the same
    <div
      role="group"
      aria-label="Files"
      className={`drop ${over ? "drop-over" : ""} ${small ? "drop-small" : ""}`}
      onDragEnter={(event) => onDrag(event, true)}
      onDragOver={(event) => onDrag(event, true)}
      onDragLeave={(event) => onDrag(event, event.currentTarget.contains(event.relatedTarget as Node | null))}
      onDrop={(event) => {
        onDrag(event, false);
        void droppedIn(event.dataTransfer).then((found) => onFiles(filesOf(found)));
      }}
    >
      <Icon name="upload" />
      <p>
        <b>
          {modality ? `Drop ${MODALITIES[modality].plural} or a folder here` : "Drop files or a folder here"}
        </b>
      </p>
      {Object.entries(MODALITIES).map(([name, { title, formats }]) =>
        modality === undefined || modality === name ? (
          <p key={name} className="faint small">
            {modality === undefined && <b>{title}: </b>}
            {formats}
          </p>
        ) : null,
      )}
      <p className="drop-buttons">
        <Button onClick={() => input.current?.click()}>Choose files</Button>
        <Button onClick={() => folder.current?.click()}>Choose a folder</Button>
      </p>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Choose files"
        onChange={(event) => {
          onFiles(filesOf(foundIn(event.target.files ?? [])));
          event.target.value = "";
        }}
      />
      <input
        ref={folder}
        type="file"
        {...DIRECTORY}
        hidden
        aria-label="Choose a folder"
        onChange={(event) => {
          onFiles(filesOf(foundIn(event.target.files ?? [])));
          event.target.value = "";
        }}
      />
    </div>
  );
}
