"""Removes images of a repository as somebody else would, and prints their digests.

Usage: remove_images.py REPOSITORY DIGEST
       remove_images.py REPOSITORY new FILE

The second one removes whatever is pushed from now on, as soon as it is there, until there is a file of that name.
"""

import json
import pathlib
import sys
import time

import boto3

PAUSE_SECONDS = 0.01


def main():
    ecr, repository = boto3.client("ecr"), sys.argv[1]

    def images():
        # Those without a tag are parts of others, and go up first; a tag made of a digest is a list of what is attached.
        found = ecr.describe_images(repositoryName=repository)["imageDetails"]
        own = [image for image in found if any(not tag.startswith("sha256-") for tag in image.get("imageTags", []))]
        return {image["imageDigest"] for image in own}

    def remove(digests):
        ids = [{"imageDigest": digest} for digest in digests]
        ecr.batch_delete_image(repositoryName=repository, imageIds=ids)

    if sys.argv[2] != "new":
        remove([sys.argv[2]])
        print(json.dumps([sys.argv[2]]))
        return
    before, removed, end = images(), set(), pathlib.Path(sys.argv[3])
    print("ready", flush=True)
    while not end.exists():
        if new := images() - before:
            remove(new)
            removed |= new
        time.sleep(PAUSE_SECONDS)
    print(json.dumps(sorted(removed)))


if __name__ == "__main__":
    main()
