/** Files of whoever calls: descriptions in XML. */
import { readFile } from 'node:fs/promises'
import { getSystemErrorMessage } from 'node:util'
import { CommandError } from './command.ts'

/** Standard input is a file too: `/dev/stdin`. @throws CommandError */
export async function readXml(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const why = getSystemErrorMessage((error as NodeJS.ErrnoException).errno as number)
    throw new CommandError(`Failed to open file '${path}': ${why}`)
  }
}
