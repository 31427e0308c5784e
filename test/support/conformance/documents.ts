import { completable, inputRequired, type McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { PNG } from './tools.ts';

const PLAIN = 'text/plain';
const user = 'user' as const;
const text = (said: string) => ({ role: user, content: { type: 'text' as const, text: said } });

/** Resources and prompts. */
export function offerDocuments(server: McpServer): void {
  server.registerResource(
    'static-text',
    'test://static-text',
    { description: 'Text', mimeType: PLAIN },
    async ({ href: uri }) => ({
      contents: [{ uri, mimeType: PLAIN, text: 'This is the content of the static text resource.' }],
    }),
  );
  server.registerResource(
    'static-binary',
    'test://static-binary',
    { description: 'A picture', mimeType: 'image/png' },
    async ({ href: uri }) => ({ contents: [{ uri, mimeType: 'image/png', blob: PNG }] }),
  );
  server.registerResource(
    'watched',
    'test://watched-resource',
    { description: 'To subscribe to', mimeType: PLAIN },
    async ({ href: uri }) => ({ contents: [{ uri, mimeType: PLAIN, text: 'watched' }] }),
  );
  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { description: 'One for each id', mimeType: 'application/json' },
    async ({ href: uri }, { id }) => ({
      contents: [
        {
          uri,
          mimeType: 'application/json',
          text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
        },
      ],
    }),
  );
  server.registerPrompt('test_simple_prompt', { description: 'Simple' }, () => ({
    messages: [text('This is a simple prompt for testing.')],
  }));
  const city = completable(z.string(), (begun) => ['paris', 'park', 'party'].filter((one) => one.startsWith(begun)));
  server.registerPrompt(
    'test_prompt_with_arguments',
    { description: 'With arguments', argsSchema: z.object({ arg1: city, arg2: z.string() }) },
    ({ arg1, arg2 }) => ({ messages: [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'With a resource', argsSchema: z.object({ resourceUri: z.string() }) },
    ({ resourceUri: uri }) => {
      const resource = { uri, mimeType: PLAIN, text: 'Embedded resource content for testing.' };
      return {
        messages: [
          { role: user, content: { type: 'resource', resource } },
          text('Please process the embedded resource above.'),
        ],
      };
    },
  );
  server.registerPrompt('test_prompt_with_image', { description: 'With a picture' }, () => ({
    messages: [
      { role: user, content: { type: 'image', data: PNG, mimeType: 'image/png' } },
      text('Please analyze the image above.'),
    ],
  }));
  server.registerPrompt('test_input_required_result_prompt', { description: 'Asks first' }, ({ mcpReq }) => {
    const context = mcpReq.inputResponses?.['user_context'];
    if (context !== undefined) return { messages: [text(`context: ${JSON.stringify(context)}`)] };
    return inputRequired({
      inputRequests: {
        user_context: inputRequired.elicit({
          message: 'What context should the prompt use?',
          requestedSchema: z.object({ context: z.string() }),
        }),
      },
    });
  });
}
