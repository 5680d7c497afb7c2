import { defineConfig } from 'recohere/config';

// What is watched. This sample works as it stands; `npx recohere init` writes one from your live functions.
export default defineConfig({
  hub: { region: 'us-east-1' },
  replicas: [{ region: 'us-east-1' }, { region: 'eu-west-1' }, { region: 'ap-southeast-2' }],
  functions: [
    {
      select: { name: 'checkout-*' },
      // Keys that are there everywhere and rightly differ.
      perReplica: ['DB_HOST'],
      // Keys that do not matter.
      ignore: ['BUILD_*'],
    },
  ],
});
