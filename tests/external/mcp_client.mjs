// The official client of the Model Context Protocol drives `coppice mcp` the
// way an agent would: look, check, start, poll, read, say something, export.
//
//   node mcp_client.mjs COPPICE REPOSITORY
//
// Prints one JSON object of what it saw; the test that runs it judges that.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const [program, repository] = process.argv.slice(2);
const transport = new StdioClientTransport({
  command: program,
  args: ['mcp'],
  cwd: repository,
  env: process.env,
  stderr: 'inherit',
});
const client = new Client({ name: 'coppice-test', version: '1' });
await client.connect(transport);

const call = (name, args = {}, options = {}) =>
  client.callTool({ name, arguments: args }, undefined, { timeout: 120_000, ...options });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const seen = {
  server: client.getServerVersion(),
  instructions: client.getInstructions(),
  tools: (await client.listTools()).tools.map((tool) => tool.name),
};

// What is wrong is said by the tool, not by an end of the connection.
seen.noRun = await call('status');
seen.wrongType = await call('top', { n: 'many' });
seen.unknownArgument = await call('show', { node: 1, colour: 'red' });
seen.flagAsWord = await call('show', { node: '--help' });
seen.noTool = await call('apply');

seen.check = await call('check');
seen.run = await call('run', { max_nodes: 6 });
for (let i = 0; i < 600; ++i) {
  seen.status = await call('status');
  if (seen.status.structuredContent?.status !== 'running') break;
  await sleep(100);
}
// Two at once, answered each by its own.
[seen.top, seen.show] = await Promise.all([call('top', { n: 3 }), call('show', { node: 'best' })]);
seen.diff = await call('diff', { node: 'best' });
seen.tell = await call('tell', { idea: 'halve the cost' });
seen.dryRun = await call('export', { dry_run: true });
seen.export = await call('export', { branch: 'by-agent' });

// A call that is given up ends what it has started.
const giveUp = new AbortController();
setTimeout(() => giveUp.abort(), 300);
seen.cancelled = await call('check', { spec: 'slow.yaml' }, { signal: giveUp.signal }).then(
  () => false,
  () => true,
);
seen.ping = await client.ping();
await client.close();
console.log(JSON.stringify(seen));
