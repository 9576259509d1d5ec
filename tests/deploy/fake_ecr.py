"""Pushes into an account's registry as the specification of registries says, and holds the answers against ECR's API."""

import base64
import hashlib
import http.client
import json
import os
import urllib.parse

import boto3
from botocore.exceptions import ClientError

ecr = boto3.client("ecr")
address = urllib.parse.urlparse(os.environ["AWS_ENDPOINT_URL"]).netloc


def refused(code: str, call, **arguments) -> ClientError:
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error
    raise AssertionError(f"{call} was not refused with {code}")


def ask(method: str, path: str, body: bytes = b"", **headers: str):
    connection = http.client.HTTPConnection(address)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=body, headers={"authorization": authorization, **headers})
    response = connection.getresponse()
    return response.status, response.headers, response.read()


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def code(answer) -> str:
    return json.loads(answer[2])["errors"][0]["code"]


authorization = "Basic " + base64.b64encode(b"AWS:guessed").decode()
status, headers, _ = ask("GET", "/v2/")
assert status == 401 and headers["www-authenticate"].startswith('Basic realm="https://123456789012.dkr.ecr.'), headers
[given] = ecr.get_authorization_token()["authorizationData"]
assert given["proxyEndpoint"] == "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com", given
assert base64.b64decode(given["authorizationToken"]).startswith(b"AWS:"), "it is a user and a password"
authorization = "Basic " + given["authorizationToken"]
assert ask("GET", "/v2/")[0] == 200

refused("RepositoryNotFoundException", ecr.describe_repositories, repositoryNames=["team/server"])
missing = ask("POST", "/v2/team/server/blobs/uploads/")
assert missing[0] == 404 and code(missing) == "NAME_UNKNOWN", missing
made = ecr.create_repository(repositoryName="team/server", imageTagMutability="IMMUTABLE")["repository"]
assert made["repositoryUri"] == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/server", made
refused("RepositoryAlreadyExistsException", ecr.create_repository, repositoryName="team/server")

# Blobs: at once, in parts, and with a digest of something else.
config, layer = b'{"architecture":"arm64","os":"linux"}', b"layer" * 1000
assert ask("HEAD", f"/v2/team/server/blobs/{digest(config)}")[0] == 404
status, headers, _ = ask("POST", "/v2/team/server/blobs/uploads/")
assert status == 202 and headers["location"].startswith("/v2/team/server/blobs/uploads/"), headers
wrong = ask("PUT", f"{headers['location']}?digest={digest(layer)}", config)
assert wrong[0] == 400 and code(wrong) == "DIGEST_INVALID", wrong
status, headers, _ = ask("POST", "/v2/team/server/blobs/uploads/")
status, headers, _ = ask("PUT", f"{headers['location']}?digest={digest(config)}", config)
assert status == 201 and headers["docker-content-digest"] == digest(config), headers
where = ask("POST", "/v2/team/server/blobs/uploads/")[1]["location"]
status, headers, _ = ask("PATCH", where, layer[:100], content_range="0-99")
assert status == 202 and headers["range"] == "0-99", headers
assert ask("PATCH", where, layer[:100], content_range="0-99")[0] == 416
assert ask("GET", where)[1]["range"] == "0-99"
assert ask("PATCH", where, layer[100:], content_range=f"100-{len(layer) - 1}")[0] == 202
assert ask("PUT", f"{where}?digest={digest(layer)}")[0] == 201
status, headers, body = ask("HEAD", f"/v2/team/server/blobs/{digest(layer)}")
assert status == 200 and headers["content-length"] == str(len(layer)) and body == b"", headers
assert ask("GET", f"/v2/team/server/blobs/{digest(layer)}")[2] == layer


def descriptor(kind: str, content: bytes) -> dict:
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(content), "size": len(content)}


def manifest(**more) -> bytes:
    return json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config), "layers": [descriptor("layer.v1.tar+gzip", layer)], **more}).encode()


def put(reference: str, content: bytes):
    return ask("PUT", f"/v2/team/server/manifests/{reference}", content, content_type=json.loads(content)["mediaType"])


# Manifests: what they name has to be there; tags do not move.
without = put("0", manifest(layers=[descriptor("layer.v1.tar+gzip", b"elsewhere")]))
assert without[0] == 400 and code(without) == "MANIFEST_BLOB_UNKNOWN", without
image = manifest()
status, headers, _ = put(digest(image), image)
assert status == 201 and headers["docker-content-digest"] == digest(image), headers
index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
    {**descriptor("manifest.v1+json", image), "platform": {"architecture": "arm64", "os": "linux"}}]}).encode()
assert put("1.0", index)[0] == 201 and put("1.0", index)[0] == 201
moved = put("1.0", image)
assert moved[0] == 400 and code(moved) == "TAG_INVALID", moved
status, headers, body = ask("GET", "/v2/team/server/manifests/1.0")
assert body == index and headers["content-type"] == "application/vnd.oci.image.index.v1+json", headers
status, headers, body = ask("HEAD", "/v2/team/server/manifests/1.0")
assert status == 200 and headers["docker-content-digest"] == digest(index) and body == b"", headers
assert ask("HEAD", "/v2/team/server/manifests/2.0")[0] == 404
assert json.loads(ask("GET", "/v2/team/server/tags/list")[2])["tags"] == ["1.0"]
signature = manifest(artifactType="application/vnd.example.signature", subject=descriptor("index.v1+json", index))
assert put(digest(signature), signature)[1]["oci-subject"] == digest(index)
[found] = json.loads(ask("GET", f"/v2/team/server/referrers/{digest(index)}")[2])["manifests"]
assert found["digest"] == digest(signature) and found["artifactType"] == "application/vnd.example.signature", found

# Another repository takes a blob that is here.
ecr.create_repository(repositoryName="other")
assert ask("POST", f"/v2/other/blobs/uploads/?mount={digest(layer)}&from=team/server")[0] == 201
assert ask("POST", "/v2/other/blobs/uploads/?mount=sha256:0&from=team/server")[0] == 202
assert ask("HEAD", f"/v2/other/blobs/{digest(layer)}")[0] == 200

# The API sees what was pushed.
details = {of["imageDigest"]: of for of in ecr.describe_images(repositoryName="team/server")["imageDetails"]}
assert details.keys() == {digest(image), digest(index), digest(signature)}, details
assert details[digest(index)]["imageTags"] == ["1.0"] and "imageTags" not in details[digest(image)], details
assert details[digest(image)]["imageSizeInBytes"] == len(config) + len(layer), details
assert details[digest(signature)]["subjectManifestDigest"] == digest(index), details
refused("ImageNotFoundException", ecr.describe_images, repositoryName="team/server", imageIds=[{"imageTag": "2.0"}])
got = ecr.batch_get_image(repositoryName="team/server", imageIds=[{"imageTag": "1.0"}, {"imageTag": "2.0"}])
assert got["images"][0]["imageManifest"].encode() == index and got["failures"][0]["failureCode"] == "ImageNotFound", got
refused("RepositoryNotEmptyException", ecr.delete_repository, repositoryName="team/server")
gone = ecr.batch_delete_image(repositoryName="team/server", imageIds=[{"imageDigest": digest(image)}])
assert gone["failures"][0]["failureCode"] == "ImageReferencedByManifestList", gone
gone = ecr.batch_delete_image(repositoryName="team/server", imageIds=[{"imageTag": "1.0"}])
assert gone["imageIds"] == [{"imageDigest": digest(index), "imageTag": "1.0"}], gone
gone = ecr.batch_delete_image(
    repositoryName="team/server", imageIds=[{"imageDigest": digest(of)} for of in (image, signature)])
assert len(gone["imageIds"]) == 2 and gone["failures"] == [], gone
assert ecr.list_images(repositoryName="team/server")["imageIds"] == []
ecr.delete_repository(repositoryName="team/server")
ecr.delete_repository(repositoryName="other", force=True)
