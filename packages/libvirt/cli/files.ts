/** Files of whoever calls. */
import { readFile } from 'node:fs/promises'
import { attempt } from './command.ts'

/** A description. Standard input is a file too: `/dev/stdin`. @throws CommandError */
export function readXml(path: string): Promise<string> {
  return attempt(`Failed to open file '${path}'`, readFile(path, 'utf8'))
}
