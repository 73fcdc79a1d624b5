import { runProgram } from './program.js'

const [program, ...args] = process.argv.slice(2)
process.exitCode = await runProgram(program, args)
